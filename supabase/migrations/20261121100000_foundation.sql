-- The private schema, the settings of the books, and what every account has: profile and role.
set lock_timeout = '4s';
set statement_timeout = '60s';

create schema private;
revoke all on schema private from public, anon, authenticated, service_role;
grant usage on schema private to authenticated, service_role;

create table private.settings (
  singleton boolean primary key default true check (singleton),
  signup_credits bigint not null default 25 check (signup_credits >= 0),
  debt_limit bigint not null default 100 check (debt_limit >= 0)
);
comment on table private.settings is 'One row. signup_credits: what a new account starts with. debt_limit: how far below zero a late settle under policy "debt" may take a wallet.';
insert into private.settings default values;

create table public.profiles (
  user_id uuid primary key references auth.users (id) on delete cascade,
  display_name text check (char_length(display_name) <= 100),
  avatar_path text,
  marketing_consent boolean not null default false,
  created_at timestamptz not null default now()
);

create table private.user_roles (
  user_id uuid primary key references auth.users (id) on delete cascade,
  role text not null check (role in ('support', 'admin', 'owner')),
  created_at timestamptz not null default now()
);

alter table private.settings enable row level security;
alter table private.user_roles enable row level security;
alter table public.profiles enable row level security;

revoke all on private.settings, private.user_roles, public.profiles from public, anon, authenticated, service_role;
grant select on public.profiles to authenticated, service_role;

create policy "owners read their profile" on public.profiles
  for select to authenticated using (user_id = (select auth.uid()));
