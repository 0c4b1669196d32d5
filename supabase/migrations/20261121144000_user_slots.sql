-- Slots: how many generations of one user are before the workers at once. The others wait, in the database.
set lock_timeout = '4s';
set statement_timeout = '60s';

alter table private.settings
  add column user_concurrency integer not null default 4 check (user_concurrency between 1 and 1000);
comment on table private.settings is 'One row. signup_credits: what a new account starts with. debt_limit: how far below zero a late settle under policy "debt" may take a wallet. user_concurrency: how many generations of one user run, or are before the workers, at once.';

alter table public.generations add column batch_index integer check (batch_index >= 0);
grant select (batch_index) on public.generations to authenticated;
comment on table public.generations is 'attempt: the fence; every claim raises it and every settle names it. failures: attempts that failed retryably or were lost. dispatch_at: when the dispatcher may hand a queued row to the queue (again); infinity: it waits for a slot of its user. batch_index: its place in the batch, from 0.';

create index generations_with_slot on public.generations (user_id)
  where status in ('queued', 'running') and dispatch_at is distinct from 'infinity';
-- In the order in which they get slots: a user's single picture does not wait behind that user's batch.
create index generations_waiting on public.generations (user_id, (batch_id is not null), created_at, batch_index, id)
  where status = 'queued' and dispatch_at = 'infinity';
