-- System prompts: what admins write once and generations are sent with. Only functions read and write here.
set lock_timeout = '4s';
set statement_timeout = '60s';

create table private.prompt_changes (
  id uuid primary key default gen_random_uuid(),
  source text not null check (source in ('edit', 'import', 'optimize', 'rollback', 'undo')),
  reason text not null,
  items jsonb not null,
  undoes uuid unique references private.prompt_changes (id),
  idempotency_key text,
  request_digest bytea,
  created_by uuid not null,
  created_at timestamptz not null,
  unique (created_by, idempotency_key),
  constraint prompt_changes_undo_a_change check ((source = 'undo') = (undoes is not null)),
  constraint prompt_changes_know_what_their_key_was_for check ((idempotency_key is null) = (request_digest is null))
);
comment on table private.prompt_changes is 'One act of an admin on prompts. items: [{key, change, before, after}] in its order, states as prompt_state makes them (null: no such prompt). undoes: the change that it took back.';
create index prompt_changes_by_time on private.prompt_changes (created_at, id);

create table private.system_prompts (
  key text primary key check (key ~ '^[a-z0-9][a-z0-9_-]{1,63}$'),
  category text not null check (category ~ '^[a-z][a-z0-9_]{1,39}$'),
  title text not null check (char_length(title) between 1 and 200),
  description text not null check (char_length(description) <= 1000),
  kinds text[] not null check (kinds <@ '{image,video}' and cardinality(kinds) > 0),
  always boolean not null,
  position integer not null check (position between 0 and 100000),
  active boolean not null,
  active_version integer not null,
  created_at timestamptz not null,
  updated_at timestamptz not null
);
comment on table private.system_prompts is 'A prompt as it is now. kinds: models that it suits; never audio, where the prompt is read aloud. always: part of each generation of its kinds, else of those that choose it. position: its place in its category.';

create table private.system_prompt_versions (
  key text not null,
  version integer not null check (version > 0),
  category text not null,
  content text not null check (char_length(content) between 1 and 4000),
  change_id uuid not null references private.prompt_changes (id),
  created_by uuid not null,
  created_at timestamptz not null,
  primary key (key, version)
);
comment on table private.system_prompt_versions is 'What a prompt said, and where it went (category): never changed, because generations name their versions. They outlive a prompt that an undo takes away.';
create index system_prompt_versions_by_change on private.system_prompt_versions (change_id);

alter table private.system_prompts add constraint system_prompts_have_their_version
  foreign key (key, active_version) references private.system_prompt_versions (key, version);

alter table private.prompt_changes enable row level security;
alter table private.system_prompts enable row level security;
alter table private.system_prompt_versions enable row level security;

revoke all on private.prompt_changes, private.system_prompts, private.system_prompt_versions from public, anon, authenticated, service_role;
