-- What a user is told, once each: credits that expire, a payment that failed.
set lock_timeout = '4s';
set statement_timeout = '60s';

create table public.notices (
  id bigint generated always as identity primary key,
  user_id uuid not null references auth.users (id) on delete cascade,
  kind text not null check (kind ~ '^[a-z][a-z0-9_]{0,63}$'),
  data jsonb not null default '{}',
  once_key text not null check (char_length(once_key) between 1 and 255),
  created_at timestamptz not null,
  unique (user_id, once_key)
);
comment on table public.notices is 'What a user was told. once_key: one notice per user and key, for ever.';
create index notices_by_user on public.notices (user_id, id);

alter table public.notices enable row level security;

revoke all on public.notices from public, anon, authenticated, service_role;
revoke all on sequence public.notices_id_seq from public, anon, authenticated, service_role;
grant select on public.notices to authenticated, service_role;

create policy "owners read their notices" on public.notices
  for select to authenticated using (user_id = (select auth.uid()));
