-- Whether a notice was read.
set lock_timeout = '4s';
set statement_timeout = '60s';

alter table public.notices add column read_at timestamptz;
comment on column public.notices.read_at is 'When its owner said that it was read; null: not yet.';
create index notices_unread on public.notices (user_id) where read_at is null;
