-- batch_json tells a batch with or without its items.
set lock_timeout = '4s';
set statement_timeout = '60s';

-- dropped functions_sql/batches/batch_summary.sql
drop function if exists private.batch_summary(public.batches);
