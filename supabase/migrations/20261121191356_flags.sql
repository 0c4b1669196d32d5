-- Feature flags: what is switched on, for whom, and what counts when a row is missing. What they mean: docs/flags.md.
set lock_timeout = '4s';
set statement_timeout = '60s';

create table public.feature_flags (
  key text primary key check (key ~ '^[a-z][a-z0-9_]{1,49}$'),
  description text not null,
  default_on boolean not null,
  enabled boolean not null,
  percentage smallint not null default 100 check (percentage between 0 and 100),
  roles text[] not null default '{}' check (roles <@ array['support', 'admin', 'owner']),
  users uuid[] not null default '{}',
  plan_percentages smallint[] not null default '{}',
  plan_times timestamptz[] not null default '{}',
  version integer not null default 1,
  updated_by uuid,
  updated_at timestamptz not null,
  constraint feature_flags_plan_has_both check (cardinality(plan_percentages) = cardinality(plan_times))
);
comment on table public.feature_flags is 'One row per flag; nobody but functions reads it, since users may not know of each other. default_on: what code that asks for it declares. percentage: share of users for whom it is on, besides roles and users; 100: everybody. plan_*: steps that raise the share when their time has come.';

alter table public.feature_flags enable row level security;
revoke all on public.feature_flags from public, anon, authenticated, service_role;
grant select on public.feature_flags to service_role;

insert into public.feature_flags (key, description, default_on, enabled, updated_at)
select f.key, f.description, f.default_on, f.default_on, private.clock()
from (values
  ('generations', 'Kill switch: new generations, batches and retries. What is queued or runs goes on.', true),
  ('batches', 'New batches and retries of batches.', true),
  ('payments', 'New purchases, subscriptions and automatic top-ups. Webhooks, refunds and the billing portal go on.', true),
  ('sign_ups', 'New accounts; Supabase Auth asks, by its before-user-created hook.', true),
  ('image_processing', 'Work on finished pictures: the archive of a batch.', true),
  ('charts', 'Statistics for charts of admins.', true),
  ('animations', 'Animations in the pages of your app, which reads GET /flags; nothing in the API asks for it.', true),
  ('cloud_services', 'Services of others in the pages of your app, which reads GET /flags; nothing in the API asks for it.', true),
  ('perf_monitoring', 'Measuring how fast the pages of your app are, for an app that reads GET /flags; nothing in the API asks for it.', false)) f (key, description, default_on);
