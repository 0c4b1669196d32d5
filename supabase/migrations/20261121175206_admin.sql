-- What admins do: the audit log, the limits of roles, and adjustments of credits with those that wait for a second admin.
set lock_timeout = '4s';
set statement_timeout = '60s';

create table private.audit_log (
  id bigint primary key,
  actor text not null,
  role text,
  act text not null,
  subject_type text not null,
  subject_id text,
  request jsonb not null,
  before jsonb,
  after jsonb,
  reason text,
  outcome text not null check (outcome in ('done', 'pending', 'refused', 'failed')),
  refusal jsonb,
  request_id text,
  ip text,
  prev_hash bytea not null,
  hash bytea not null,
  created_at timestamptz not null,
  constraint audit_log_says_why_it_was_refused check ((outcome in ('refused', 'failed')) = (refusal is not null))
);
comment on table private.audit_log is 'Who did what, and who was refused: append-only, numbered without gaps, chained by hash. role: what the actor was then (null: nothing). refusal: {status, code, details}. request_id, ip: what the request said of itself.';
create index audit_log_by_actor on private.audit_log (actor, id);
create index audit_log_by_subject on private.audit_log (subject_type, subject_id, id);
create index audit_log_by_act on private.audit_log (act, id);
create index audit_log_by_time on private.audit_log (created_at);

create table private.audit_head (
  singleton boolean primary key default true check (singleton),
  rows bigint not null,
  hash bytea not null
);
comment on table private.audit_head is 'One row: how many rows the audit log has, and the hash of the last. Its lock puts them in order; nothing else is locked after it.';
insert into private.audit_head (rows, hash) values (0, '');

create table private.role_limits (
  role text primary key check (role in ('support', 'admin', 'owner')),
  per_act bigint not null check (per_act >= 0),
  per_day bigint not null check (per_day >= 0),
  ceiling bigint not null check (ceiling >= per_act)
);
comment on table private.role_limits is 'How many credits a role may add or take away: alone at once, alone in 24 hours, and at once when a second admin approves. No row: none.';
insert into private.role_limits (role, per_act, per_day, ceiling) values ('admin', 1000, 5000, 100000), ('owner', 10000, 50000, 10000000);

create table private.credit_adjustments (
  id uuid primary key default gen_random_uuid(),
  wallet_id uuid not null references public.wallets (id),
  amount bigint not null check (amount <> 0),
  expires_at timestamptz,
  reason text not null,
  status text not null default 'pending' check (status in ('pending', 'applied', 'rejected')),
  requested_by uuid not null,
  decided_by uuid,
  decision_reason text,
  transaction_id bigint references public.credit_transactions (id),
  idempotency_key text not null,
  request_digest bytea not null,
  created_at timestamptz not null,
  decided_at timestamptz,
  unique (requested_by, idempotency_key),
  constraint credit_adjustments_move_credits_when_applied check ((status = 'applied') = (transaction_id is not null)),
  constraint credit_adjustments_are_decided_once check ((status = 'pending') = (decided_at is null)),
  constraint credit_adjustments_are_approved_by_another check (status <> 'applied' or decided_by <> requested_by)
);
comment on table private.credit_adjustments is 'Credits that an admin added or took away. decided_by: who approved or rejected it; null when nobody had to.';
create index credit_adjustments_by_requester on private.credit_adjustments (requested_by, created_at);
create index credit_adjustments_by_wallet on private.credit_adjustments (wallet_id, created_at);
create index credit_adjustments_by_transaction on private.credit_adjustments (transaction_id);
create index credit_adjustments_by_time on private.credit_adjustments (created_at, id);
create index credit_adjustments_pending on private.credit_adjustments (created_at, id) where status = 'pending';

create table private.user_controls (
  user_id uuid primary key references auth.users (id) on delete cascade,
  user_concurrency integer check (user_concurrency between 0 and 1000)
);
comment on table private.user_controls is 'What admins decided about a user. user_concurrency: his own in place of that of the settings. Suspended are those whom Supabase Auth has banned (auth.users.banned_until).';

create index profiles_by_time on public.profiles (created_at, user_id);

alter table private.audit_log enable row level security;
alter table private.audit_head enable row level security;
alter table private.role_limits enable row level security;
alter table private.credit_adjustments enable row level security;
alter table private.user_controls enable row level security;

revoke all on private.audit_log, private.audit_head, private.role_limits, private.credit_adjustments, private.user_controls
  from public, anon, authenticated, service_role;
