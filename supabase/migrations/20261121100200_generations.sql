-- What credits buy: models with a price rule, and the generations made with them.
set lock_timeout = '4s';
set statement_timeout = '60s';

create table public.models (
  id text primary key check (id ~ '^[a-z0-9][a-z0-9._/-]{0,99}$'),
  provider text not null,
  kind text not null check (kind in ('image', 'video', 'audio')),
  title text not null,
  description text not null default '',
  base_credits bigint not null check (base_credits between 0 and 1000000),
  unit text check (unit in ('images', 'seconds', 'megapixels', 'thousand_characters')),
  unit_credits bigint not null default 0 check (unit_credits between 0 and 1000000),
  max_credits bigint not null check (max_credits > 0),
  max_prompt_chars integer not null default 2000 check (max_prompt_chars > 0),
  params_schema jsonb not null default '{"type": "object", "properties": {}, "additionalProperties": false}'
    check (jsonb_typeof(params_schema -> 'properties') = 'object'),
  late_settle text not null default 'collect' check (late_settle in ('collect', 'debt', 'absorb')),
  max_attempts integer not null default 3 check (max_attempts between 1 and 10),
  timeout_seconds integer not null default 600 check (timeout_seconds between 1 and 86400),
  hold_seconds integer not null default 86400 check (hold_seconds between 60 and 604800),
  active boolean not null default true,
  created_at timestamptz not null default now(),
  constraint models_are_never_free check (base_credits > 0 or unit_credits > 0),
  constraint models_price_one_unit check ((unit is null) = (unit_credits = 0))
);
comment on table public.models is 'Price: base_credits + unit_credits x quantity of unit, rounded up once, refused above max_credits. params_schema: JSON Schema of the parameters; SQL checks those that price needs, Python all. hold_seconds: how long a generation may wait and run before its credits are free again.';

create table public.generations (
  id uuid primary key default gen_random_uuid(),
  user_id uuid not null references auth.users (id) on delete cascade,
  model_id text not null references public.models (id),
  prompt text not null,
  params jsonb not null,
  status text not null default 'queued' check (status in ('queued', 'running', 'succeeded', 'failed', 'canceled')),
  attempt integer not null default 0,
  failures integer not null default 0,
  max_attempts integer not null,
  lease_until timestamptz,
  worker text,
  dispatch_at timestamptz,
  cancel_requested boolean not null default false,
  reservation_id uuid not null unique references public.credit_reservations (id),
  credits_reserved bigint not null,
  credits_charged bigint not null default 0,
  cost_micros bigint check (cost_micros >= 0),
  provider_request_id text,
  progress real not null default 0 check (progress between 0 and 1),
  outputs jsonb not null default '[]',
  error_code text,
  error_message text,
  batch_id uuid,
  created_at timestamptz not null,
  started_at timestamptz,
  finished_at timestamptz,
  check ((status = 'running') = (lease_until is not null)),
  check ((status = 'queued') = (dispatch_at is not null)),
  check ((status in ('succeeded', 'failed', 'canceled')) = (finished_at is not null))
) with (fillfactor = 70);
comment on table public.generations is 'attempt: the fence; every claim raises it and every settle names it. failures: attempts that failed retryably or were lost. dispatch_at: when the dispatcher may hand a queued row to the queue (again).';
create index generations_by_user on public.generations (user_id, created_at desc, id desc);
create index generations_queued on public.generations (dispatch_at) where status = 'queued';
create index generations_running on public.generations (lease_until) where status = 'running';
create index generations_by_model on public.generations (model_id);

alter table public.models enable row level security;
alter table public.generations enable row level security;

revoke all on public.models, public.generations from public, anon, authenticated, service_role;
grant select on public.models to anon, authenticated, service_role;
grant select on public.generations to service_role;
-- By column: what a generation cost us, and who ran it, is not the user's business.
grant select (
  id, user_id, model_id, prompt, params, status, attempt, reservation_id, credits_reserved, credits_charged, progress,
  outputs, error_code, error_message, cancel_requested, batch_id, created_at, started_at, finished_at
) on public.generations to authenticated;

create policy "everyone reads models" on public.models
  for select to anon, authenticated using (active);
create policy "owners read their generations" on public.generations
  for select to authenticated using (user_id = (select auth.uid()));
