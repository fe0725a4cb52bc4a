/** PostgreSQL's text holds no NUL: for class-validator's `Matches`. */
export const NO_NUL = /^[^\0]*$/;
