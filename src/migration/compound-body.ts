/**
 * Follows the words of one statement to know whether it is inside the body of a routine, trigger or event,
 * where the delimiter also ends the statements of the body. It counts BEGIN, CASE and END, and understands
 * nothing else; what it can't follow ends as a statement that begins with an inner word, which is told.
 */

/** Words that can't start a statement: there a compound statement has been cut in two. */
const innerWords = new Set([
  'END',
  'ELSE',
  'ELSEIF',
  'ELSIF',
  'UNTIL',
  'WHEN',
  'DECLARE',
  'EXCEPTION',
  'PROCEDURE',
  'FUNCTION',
  'RETURN',
  'LEAVE',
  'ITERATE',
  'FETCH',
]);

/** Whether a statement that begins with this word, in upper case, is the rest of another. */
export function isInnerWord(word: string): boolean {
  return innerWords.has(word);
}

/** The words and symbols before a body, with ? for what is quoted. */
const head =
  /^(?:BEGIN NOT ATOMIC|(?:CREATE(?: OR REPLACE)?|ALTER)(?: DEFINER = [?\w$]+(?: \?)*(?: @ [?\w$]+(?: \?)*| \( \))?)?(?: AGGREGATE)? (?:PROCEDURE|FUNCTION|TRIGGER|EVENT|PACKAGE))$/;
const headStarts = new Set(['BEGIN', 'CREATE', 'ALTER']);
/** CREATE OR REPLACE DEFINER = user @ host AGGREGATE FUNCTION and the like end before this many tokens. */
const headLength = 16;
/** After END they close what was not counted when it was opened. */
const uncounted = new Set(['IF', 'LOOP', 'WHILE', 'REPEAT', 'FOR']);

export class CompoundBody {
  #head: string[] | undefined = [];
  #isCompound = false;
  #depth = 0;
  #previous = '';

  /** Whether a body is open, so that a semicolon does not end the statement. */
  get isOpen(): boolean {
    return this.#depth > 0;
  }

  /** Whether further words can change the answer. */
  get isFollowed(): boolean {
    return this.#isCompound || this.#head !== undefined;
  }

  /** Takes the next word, in upper case, the next symbol, or ? for what is quoted. */
  follow(symbol: string): void {
    const before = this.#previous;
    this.#previous = symbol;
    if (this.#isCompound) this.#count(symbol, before);
    else this.#readHead(symbol);
  }

  #readHead(symbol: string): void {
    const words = this.#head;
    if (!words) return;
    words.push(symbol);
    if (head.test(words.join(' '))) {
      this.#isCompound = true;
      if (words[0] === 'BEGIN') this.#depth = 1;
    } else if (words.length >= headLength || !headStarts.has(words[0] ?? '')) {
      this.#head = undefined;
    }
  }

  #count(symbol: string, before: string): void {
    if (before === '.') return;
    if (before === 'END') {
      if (uncounted.has(symbol)) this.#depth += 1;
      if (symbol === 'CASE') return;
    }
    if (symbol === 'BEGIN' || symbol === 'CASE') this.#depth += 1;
    else if (symbol === 'END') this.#depth = Math.max(0, this.#depth - 1);
  }
}
