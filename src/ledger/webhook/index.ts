export {
  createWebhook,
  sign,
  SIGNATURE_HEADER,
  type Webhook,
  type WebhookOptions,
  type WebhookTotals,
} from './webhook.ts';
