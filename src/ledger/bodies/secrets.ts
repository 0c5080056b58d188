import type { Span } from './spans.ts';

/** Names that what is behind them is a secret: whatever it looks like, and where it has a digit as keys have. */
const SECRET_NAMES = 'passw(?:or)?d|passphrase|secret';
const KEY_NAMES = 'token|api[_-]?key|access[_-]?key|secret[_-]?key|private[_-]?key|credentials?';

/** Between a name and its value, quotes and their escapes left out. */
const ASSIGNED = `\\\\{0,3}["'\`]?\\s{0,4}(?::=|=>|:|={1,2})\\s{0,4}`;
const QUOTE = `\\\\{0,3}["'\`]`;

/** Not in the middle of a word. */
const APART = '(?<![A-Za-z0-9])';

/** Types and empty values as they stand behind such names in code. */
const NO_VALUE =
  /^(?:string|str|bytes?|number|int|bool(?:ean)?|any|unknown|null|none|nil|undefined|true|false|required|optional|\[redacted.*|\$\{?\w+\}?)$/i;

/**
 * How secrets of one kind begin and go on. A beginning is short and bounded, and what follows is read once, up to the first
 * character that cannot belong to it: so a search takes as long as the text is, whatever is in it.
 */
interface SecretForm {
  readonly kind: string;
  readonly start: RegExp;
  readonly rest: RegExp;
  readonly restMin: number;
  /** Is the beginning a part of the secret, or what stands before it? */
  readonly isStartPart: boolean;
  readonly accepts: (rest: string) => boolean;
}

const anything = (): boolean => true;
const hasDigit = (rest: string): boolean => /\d/.test(rest);
const isValue = (rest: string): boolean => !NO_VALUE.test(rest);

/** Keys that begin with letters of their own. */
function key(kind: string, start: string, rest: string, restMin: number): SecretForm {
  return {
    kind,
    start: new RegExp(start, 'g'),
    rest: new RegExp(rest, 'y'),
    restMin,
    isStartPart: true,
    accepts: anything,
  };
}

/** Secrets behind something that says so. */
function behind(
  kind: string,
  start: string,
  rest: string,
  restMin: number,
  accepts: SecretForm['accepts'] = anything,
): SecretForm {
  const form = { start: new RegExp(start, 'gi'), rest: new RegExp(rest, 'y') };
  return { kind, ...form, restMin, isStartPart: false, accepts };
}

const WORD = '[\\w-]*';
const BARE = `[^\\s"'\`,;&<>(){}[\\]\\\\]*`;
const QUOTED = `[^"'\`\\\\\\r\\n]*`;

const FORMS: readonly SecretForm[] = [
  key('anthropic-key', 'sk-ant-', WORD, 4),
  { ...key('key', `${APART}sk-`, WORD, 16), accepts: hasDigit },
  key('key', `${APART}[srp]k_(?:live|test)_`, '\\w*', 8),
  key('aws-key', `${APART}(?:AKIA|ASIA|ABIA|ACCA|AROA|AIDA)`, '[A-Z0-9]*', 12),
  key('github-token', `${APART}(?:gh[pousr]_|github_pat_)`, '\\w*', 20),
  key('gitlab-token', `${APART}gl(?:pat|dt|rt|ptt|cbt)-`, WORD, 16),
  key('slack-token', `${APART}(?:xox[a-z]|xapp)-`, WORD, 8),
  key('slack-webhook', 'hooks\\.slack\\.com/services/', '[\\w/]*', 8),
  key('google-key', `${APART}AIza`, WORD, 30),
  key('google-token', `${APART}(?:ya29\\.|GOCSPX-)`, '[\\w.-]*', 16),
  key('registry-token', `${APART}(?:npm_|pypi-|hf_|dckr_pat_)`, WORD, 16),
  key('jwt', `(?<!\\w)eyJ`, '[\\w.=-]*', 16),
  behind('authorization', `authorization${ASSIGNED}(?:${QUOTE})?(?:[a-z]{2,16}\\s{1,4})?`, BARE, 8, isValue),
  behind('authorization', `x-api-key${ASSIGNED}(?:${QUOTE})?`, BARE, 8, isValue),
  behind(
    'authorization',
    `${APART}bearer\\s{1,4}`,
    '[\\w.+/=~-]*',
    8,
    (rest) => rest.length >= 20 || hasDigit(rest),
  ),
  behind('password', `://[^\\s"'<>/?#@:]{0,256}:`, `[^\\s"'<>/?#@]+(?=@)`, 1),
  behind('secret', `(?:${SECRET_NAMES})${ASSIGNED}${QUOTE}`, QUOTED, 4, isValue),
  behind('secret', `(?:${SECRET_NAMES})${ASSIGNED}`, BARE, 4, isValue),
  behind(
    'secret',
    `(?:${KEY_NAMES})${ASSIGNED}${QUOTE}`,
    QUOTED,
    8,
    (rest) => isValue(rest) && hasDigit(rest),
  ),
  behind('secret', `(?:${KEY_NAMES})${ASSIGNED}`, BARE, 8, (rest) => isValue(rest) && hasDigit(rest)),
];

/** What stands in place of a secret. */
export function redacted(kind: string): string {
  return `[redacted ${kind}]`;
}

function* spansOf(
  { kind, start, rest, restMin, isStartPart, accepts }: SecretForm,
  text: string,
): Generator<Span> {
  start.lastIndex = 0;
  for (let found = start.exec(text); found; found = start.exec(text)) {
    const restFrom = start.lastIndex;
    rest.lastIndex = restFrom;
    const [follows = ''] = rest.exec(text) ?? [];
    const to = restFrom + follows.length;
    start.lastIndex = to;
    if (follows.length < restMin || !accepts(follows)) continue;
    yield { from: isStartPart ? found.index : restFrom, to, by: redacted(kind) };
  }
}

const PRIVATE_KEY = /-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----/g;
const PRIVATE_KEY_END = /-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----/g;

/** From the first line of a private key to its last, or, where that is missing, to the end of the text. */
function* privateKeysIn(text: string): Generator<Span> {
  PRIVATE_KEY.lastIndex = 0;
  for (let found = PRIVATE_KEY.exec(text); found; found = PRIVATE_KEY.exec(text)) {
    PRIVATE_KEY_END.lastIndex = PRIVATE_KEY.lastIndex;
    const to = PRIVATE_KEY_END.test(text) ? PRIVATE_KEY_END.lastIndex : text.length;
    yield { from: found.index, to, by: redacted('private-key') };
    PRIVATE_KEY.lastIndex = to;
  }
}

/**
 * Where credentials stand in a text: keys known by how they begin, private keys, and what is called a password, a secret, a
 * token or a key. It takes time in proportion to the text.
 */
export function findSecrets(text: string): readonly Span[] {
  return [...privateKeysIn(text), ...FORMS.flatMap((form) => [...spansOf(form, text)])];
}

const SECRET_MEMBER = new RegExp(`(?:${SECRET_NAMES}|${KEY_NAMES}|authorization|cookie)$`, 'i');

/** Is this the name of a member that holds a secret, and what it holds one? */
export function isSecretMember(name: string, value: string): boolean {
  return value.length >= 4 && SECRET_MEMBER.test(name) && isValue(value);
}
