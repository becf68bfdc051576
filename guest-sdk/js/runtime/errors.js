// What a handler says when it cannot answer.

/** Why a handler could not answer, and whether another try makes sense. */
export class HandlerError extends Error {
  /** `retry` and `retryAfterMs` decide about another try in place of the kind and of the step's backoff. */
  constructor(kind, message, { details, retry, retryAfterMs, cause } = {}) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = "HandlerError";
    this.kind = kind;
    this.details = details;
    this.retry = retry;
    this.retryAfterMs = retryAfterMs;
  }
}

/** The input is wrong. Not tried again unless `retry` says so. */
export class ValidationError extends HandlerError {
  constructor(message, options) {
    super("validation", message, options);
    this.name = "ValidationError";
  }
}

/** The work failed. Tried again. */
export class ExecutionError extends HandlerError {
  constructor(message, options) {
    super("execution", message, options);
    this.name = "ExecutionError";
  }
}

/** The handler is set up wrongly. Not tried again unless `retry` says so. */
export class ConfigurationError extends HandlerError {
  constructor(message, options) {
    super("configuration", message, options);
    this.name = "ConfigurationError";
  }
}

/** Something the handler needs is not there right now. Tried again. */
export class DependencyError extends HandlerError {
  constructor(message, options) {
    super("dependency", message, options);
    this.name = "DependencyError";
  }
}
