/** One thing that is wrong, told by the keys that lead to it; where it stands in the text is added later. */
export interface Finding {
  /** Keys from the top. */
  readonly path: readonly string[];
  /** Whether the key itself is wrong or what it holds. */
  readonly part: 'key' | 'value';
  readonly message: string;
  /** What would be right, in words. */
  readonly expected: string;
  readonly nearest?: string;
}
