/**
 * Text on a terminal that is drawn again in place. Control sequences of ECMA-48 (CUU, ED) and the
 * terminal's switch for wrapping long lines (DECAWM), so that a line on the screen is a line of the text.
 */
const ERASE_BELOW = '\u001b[0J';
const WRAP_OFF = '\u001b[?7l';
const WRAP_ON = '\u001b[?7h';

export class LivePicture {
  readonly #stream: NodeJS.WriteStream;
  #lines = 0;

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream;
  }

  /** Draws the text over the one before. More lines than the terminal has would scroll: the last are shown. */
  draw(text: string): void {
    const lines = text.split('\n').slice(-Math.max(1, this.#stream.rows - 1));
    this.#stream.write(`${this.#back()}${WRAP_OFF}${lines.join('\n')}\n${WRAP_ON}`);
    this.#lines = lines.length;
  }

  /** Writes lines that stay; the picture is gone until it is drawn again, below them. */
  leave(text: string): void {
    this.#stream.write(`${this.#back()}${text}\n`);
    this.#lines = 0;
  }

  /** To the picture's first line, with nothing of it left. */
  #back(): string {
    return this.#lines === 0 ? '' : `\u001b[${this.#lines}A${ERASE_BELOW}`;
  }
}
