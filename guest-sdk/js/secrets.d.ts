// Secrets, which a handler uses and never sees: `grants = { fetch = ["api.example.com"], secrets = ["API_KEY"] }`.

/** The names the step was granted. */
export function names(): string[];
/** What stands for a secret in the headers of this attempt's requests. */
export function placeholder(name: string): string;
