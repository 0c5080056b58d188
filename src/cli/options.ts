import { InvalidArgumentError, Option } from 'commander';

/** A port: 0 takes any free one. */
export function parsePort(text: string): number {
  const port = Number(text);
  if (text.trim() === '' || !Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new InvalidArgumentError('a port is a whole number from 0 to 65535.');
  }
  return port;
}

/** A number that is not negative. */
export function parseAmount(text: string): number {
  const amount = Number(text);
  if (text.trim() === '' || !Number.isFinite(amount) || amount < 0) {
    throw new InvalidArgumentError('it must be a number, 0 or more.');
  }
  return amount;
}

/** A number above zero. */
export function parseFactor(text: string): number {
  const factor = parseAmount(text);
  if (factor === 0) throw new InvalidArgumentError('it must be above 0.');
  return factor;
}

/** A whole number, for a seed. */
export function parseWhole(text: string): number {
  const whole = parseAmount(text);
  if (!Number.isSafeInteger(whole)) throw new InvalidArgumentError('it must be a whole number.');
  return whole;
}

/** `--port`, `--host` and `--json` as every server has them. */
export function listenOptions(defaultPort: number, envPrefix: string): readonly Option[] {
  return [
    new Option('--port <number>', 'port to listen on; 0 takes any free one')
      .default(defaultPort)
      .env(`${envPrefix}PORT`)
      .argParser(parsePort),
    new Option('--host <address>', 'address to listen on').default('127.0.0.1').env(`${envPrefix}HOST`),
    new Option('--json', 'print one JSON line for each listener').env(`${envPrefix}JSON`),
  ];
}

/** Says where a server listens: a sentence, or the line of JSON that programs wait for. */
export function listeningLine(name: string, url: string, isJson: boolean): string {
  return isJson ? JSON.stringify({ event: 'listening', name, url }) : `${name} listening on ${url}`;
}
