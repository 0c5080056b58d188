import type { Random } from '../../runtime/index.ts';

const SUBJECTS = [
  'A refund',
  'A parcel',
  'An exchange',
  'A gift card',
  'A subscription',
  'A damaged item',
  'A price match',
  'A pre-order',
];
const VERBS = [
  'is confirmed',
  'is recorded',
  'may be reversed',
  'is passed to a colleague',
  'must be explained',
  'is checked twice',
  'is closed',
];
const CONDITIONS = [
  'within thirty days of delivery',
  'once the order number and the postcode match',
  'unless the seller is a marketplace partner',
  'as soon as the warehouse has scanned the label',
  'when the customer has asked for it in writing',
  'after the carrier has answered or three working days have passed',
];
const CONSEQUENCES = [
  'and the customer gets a short note that names the next step and the day on which it happens',
  'and the case stays open until the amount has reached the account it came from',
  'but never more than the amount that was paid, shipping included',
  'and nothing is promised that the tools have not confirmed',
  'so that whoever reads the case next can tell what was said and why',
];

function pick<Item>(items: readonly Item[], random: Random): Item {
  return items[Math.floor(random() * items.length)] as Item;
}

/** A support handbook of so many rules: the kind of long, stable text that real assistants begin with. */
export function writeHandbook(rules: number, random: Random): string {
  const lines = Array.from({ length: rules }, (_, index) => {
    const sentence = `${pick(SUBJECTS, random)} ${pick(VERBS, random)} ${pick(CONDITIONS, random)}, ${pick(CONSEQUENCES, random)}.`;
    return `${index + 1}. ${sentence}`;
  });
  return `You answer customers of a mail-order shop. Be brief and kind. The rules:\n\n${lines.join('\n')}`;
}

function tool(name: string, description: string, fields: Readonly<Record<string, string>>): object {
  const properties = Object.fromEntries(
    Object.entries(fields).map(([field, text]) => [field, { type: 'string', description: text }]),
  );
  return {
    name,
    description,
    input_schema: { type: 'object', properties, required: Object.keys(fields).slice(0, 1) },
  };
}

/** The tools of the shop's assistant. */
export const SHOP_TOOLS: readonly object[] = [
  tool('find_order', 'Looks up an order with its items, parcels and payments.', {
    order_id: 'The number on the confirmation, such as A-20418.',
    postcode: 'Postcode of the delivery address, to tell orders with similar numbers apart.',
  }),
  tool('track_parcel', 'Says where a parcel is and when the carrier expects to deliver it.', {
    parcel_id: 'Number of the parcel as the order names it.',
  }),
  tool('start_refund', 'Begins a refund to the account that paid. Refuses amounts above what was paid.', {
    order_id: 'Order that the refund belongs to.',
    amount: 'Amount in the currency of the order, such as 24.90.',
    reason: 'One of damaged, late, wrong_item, changed_mind.',
  }),
  tool('write_note', 'Adds a note to the case for colleagues; customers do not see it.', {
    case_id: 'Case that the note belongs to.',
    text: 'The note, at most four sentences.',
  }),
];

/** What customers say, in the order in which a conversation goes. */
export const CUSTOMER_LINES: readonly string[] = [
  'Hello, my order A-20418 arrived yesterday and the blue mug in it is broken. What can I do?',
  'Thank you. The postcode is 90402. I have a photo of the mug if you need it.',
  'I would rather have my money back than another one.',
  'How long will that take, and do I have to send the pieces back?',
  'Good. Could you also tell me where the second parcel of that order is?',
  'That is all I needed, thank you for the help!',
];

/** What the assistant answers. */
export const ASSISTANT_LINES: readonly string[] = [
  'I am sorry about the mug. Could you tell me the postcode of the delivery address, so that I can open the order?',
  'Thank you, I have the order in front of me. I can send a new mug today or return the 24.90 that you paid for it.',
  'Then I start the refund of 24.90 to the card that you paid with. You will get a note as soon as it is on its way.',
  'It usually takes three to five working days. You can keep the pieces; nothing has to be sent back.',
  'It left the warehouse this morning, and the carrier expects to deliver it on Thursday before noon.',
  'You are welcome. I have noted everything in your case. Have a good day!',
];
