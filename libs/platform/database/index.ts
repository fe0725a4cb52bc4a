export { timeOrderedUuid } from './time-ordered-uuid.js';
export { TransactionEvent } from './transaction-event.js';
export { connectDatabase, dataSourceOptions } from './connect.js';
export {
  Database,
  isConnectionError,
  refusal,
  sqlState,
  type Statement,
  Transaction,
  violated,
} from './database.js';
export { DatabaseModule } from './database.module.js';
export { containing, listSql, type ListSource } from './list-sql.js';
export { foldNames, takeTurns } from './names.js';
export { Parts } from './parts.js';
export { type BatchColumn, plainArray, rowsOf, valuesOf } from './batch-columns.js';
