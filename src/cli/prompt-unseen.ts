import { CliError } from './cli-error.ts';

/** Whether somebody sits at a terminal who can be asked. */
export function canPrompt(): boolean {
  return process.stdin.isTTY && process.stderr.isTTY;
}

/** Asks on the terminal and shows nothing of the answer. Rejects with CliError on Ctrl-C. */
export function promptUnseen(prompt: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const { stdin, stderr } = process;
    // First: what is typed at the sight of the prompt must not be echoed.
    stdin.setRawMode(true);
    stderr.write(prompt);
    const decoder = new TextDecoder();
    let text = '';
    const onData = (chunk: Buffer): void => {
      const characters = Array.from(decoder.decode(chunk, { stream: true }));
      for (const [index, character] of characters.entries()) {
        const typedAhead = characters.slice(index + 1).join('');
        if (character === '\r' || character === '\n' || character === '\u0004') return finish(null, typedAhead);
        if (character === '\u0003') return finish(new CliError('interrupted'), '');
        text = character === '\u007f' || character === '\b' ? text.slice(0, -1) : text + character;
      }
    };
    const finish = (error: Error | null, typedAhead: string): void => {
      stdin.off('data', onData);
      stdin.setRawMode(false);
      stdin.pause();
      if (typedAhead !== '') stdin.unshift(Buffer.from(typedAhead));
      stderr.write('\n');
      if (error === null) resolve(text);
      else reject(error);
    };
    stdin.on('data', onData);
    // After an earlier question it is paused.
    stdin.resume();
  });
}
