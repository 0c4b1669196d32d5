-- Prices with a history, what the provider asks of us for them, and what providers report by webhook.
set lock_timeout = '4s';
set statement_timeout = '60s';

alter table public.models
  add column price_version integer not null default 1,
  add column cost_base_micros bigint check (cost_base_micros >= 0),
  add column cost_unit_micros bigint check (cost_unit_micros >= 0),
  add column provider_model text check (char_length(provider_model) between 1 and 200),
  add constraint models_know_their_cost_or_not check ((cost_base_micros is null) = (cost_unit_micros is null));
comment on column public.models.price_version is 'Raised by a trigger whenever something that decides a price or a cost changes; the versions are in model_prices.';
comment on column public.models.cost_base_micros is 'What the provider asks of us: cost_base_micros + cost_unit_micros x quantity of unit, in USD/1e6; null when it is not known beforehand.';
comment on column public.models.provider_model is 'What the provider calls it; null when it is the id.';

update public.models set cost_base_micros = 0, cost_unit_micros = 0 where provider = 'local';

-- By column: what a model costs us is nobody's business.
revoke select on public.models from anon, authenticated;
grant select (
  id, provider, kind, title, description, base_credits, unit, unit_credits, max_credits, max_prompt_chars, params_schema,
  late_settle, max_attempts, timeout_seconds, hold_seconds, active, created_at, price_version
) on public.models to anon, authenticated;

create table public.model_prices (
  model_id text not null references public.models (id),
  version integer not null,
  base_credits bigint not null,
  unit text,
  unit_credits bigint not null,
  params_schema jsonb not null,
  cost_base_micros bigint,
  cost_unit_micros bigint,
  created_at timestamptz not null,
  primary key (model_id, version)
);
comment on table public.model_prices is 'Every version of every price, append-only. params_schema belongs to it: its defaults and limits decide the quantity.';

insert into public.model_prices
select m.id, m.price_version, m.base_credits, m.unit, m.unit_credits, m.params_schema, m.cost_base_micros, m.cost_unit_micros, m.created_at
from public.models m;

alter table public.generations add column price_version integer not null default 1;
comment on column public.generations.price_version is 'The version in model_prices that it was priced with.';
grant select (price_version) on public.generations to authenticated;

create table private.provider_results (
  provider text not null check (char_length(provider) between 1 and 100),
  request_id text not null check (char_length(request_id) between 1 and 300),
  generation_id uuid references public.generations (id) on delete cascade,
  attempt integer,
  status text not null check (status in ('ok', 'error')),
  outcome text not null check (outcome in ('learned', 'expected', 'surplus', 'late', 'unknown')),
  cost_micros bigint not null default 0 check (cost_micros >= 0),
  payload jsonb,
  received_at timestamptz not null,
  primary key (provider, request_id)
);
comment on table private.provider_results is 'What providers told by webhook, once per request. cost_micros: what was added to the generation''s cost because of it. generation_id is null when there is no such generation.';
create index provider_results_by_generation on private.provider_results (generation_id);
create index provider_results_surplus on private.provider_results (received_at) where outcome = 'surplus';

alter table public.model_prices enable row level security;
alter table private.provider_results enable row level security;

revoke all on public.model_prices, private.provider_results from public, anon, authenticated, service_role;
grant select on public.model_prices to service_role;
