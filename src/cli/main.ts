#!/usr/bin/env node
/* Plain enough for any Node that knows modules: an old one must get a sentence, not a syntax error. */
const MINIMUM = [22, 19] as const;

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
const isTooOld = major < MINIMUM[0] || (major === MINIMUM[0] && minor < MINIMUM[1]);

if (isTooOld) {
  process.stderr.write(
    `cachewright needs Node ${MINIMUM.join('.')} or newer, and this is ${process.versions.node}: please upgrade Node.\n`,
  );
  process.exitCode = 2;
} else {
  const { outliveReaders } = await import('./io.ts');
  outliveReaders();
  const { runProgram } = await import('./program.ts');
  process.exitCode = await runProgram(process.argv);
}
