-- Batches: up to 500 generations that are priced and held together, and the pictures that they start from.
set lock_timeout = '4s';
set statement_timeout = '60s';

create table public.batches (
  id uuid primary key default gen_random_uuid(),
  user_id uuid not null references auth.users (id) on delete cascade,
  size integer not null check (size between 1 and 500),
  partial boolean not null,
  refused jsonb not null default '[]',
  rounds integer not null default 0,
  idempotency_key text not null,
  request_digest bytea not null,
  archive_status text check (archive_status in ('building', 'ready', 'failed')),
  archive_path text,
  archive_items integer,
  archive_bytes bigint,
  archive_error text,
  archive_asked_at timestamptz,
  created_at timestamptz not null,
  unique (user_id, idempotency_key),
  check ((archive_status is null) = (archive_asked_at is null)),
  check (archive_status is distinct from 'ready' or archive_path is not null)
);
comment on table public.batches is 'size: items asked for; refused: those that the wallet could not afford, [{index, code}]. rounds: how often the failed ones were tried again. archive_items: how many succeeded items the archive at archive_path holds.';
create index batches_by_user on public.batches (user_id, created_at desc, id desc);

-- The keys of retries, so that one that comes twice, or very late, retries once.
create table private.batch_retries (
  batch_id uuid not null references public.batches (id) on delete cascade,
  idempotency_key text not null,
  created_at timestamptz not null,
  primary key (batch_id, idempotency_key)
);

alter table public.generations
  add column batch_round integer,
  add constraint generations_batch_id_fkey foreign key (batch_id) references public.batches (id),
  add constraint generations_know_their_place_in_a_batch
    check ((batch_id is null) = (batch_index is null) and (batch_id is null) = (batch_round is null));
comment on column public.generations.batch_round is 'Which try at this item of the batch it is, from 0; the last one counts.';
create unique index generations_by_batch on public.generations (batch_id, batch_index, batch_round) where batch_id is not null;
grant select (batch_round) on public.generations to authenticated;

alter table public.batches enable row level security;
alter table private.batch_retries enable row level security;
revoke all on public.batches, private.batch_retries from public, anon, authenticated, service_role;
grant select on public.batches to authenticated, service_role;

create policy "owners read their batches" on public.batches
  for select to authenticated using (user_id = (select auth.uid()));

-- Pictures that formats of a page can't carry code in, 20 MB each; one folder per user.
insert into storage.buckets (id, name, public, file_size_limit, allowed_mime_types)
values ('batch-originals', 'batch-originals', false, 20971520, array['image/png', 'image/jpeg', 'image/webp', 'image/gif', 'image/avif'])
on conflict (id) do nothing;

create policy "owners read their originals" on storage.objects
  for select to authenticated
  using (bucket_id = 'batch-originals' and (storage.foldername(name))[1] = (select auth.uid())::text);
create policy "owners add originals" on storage.objects
  for insert to authenticated
  with check (bucket_id = 'batch-originals' and (storage.foldername(name))[1] = (select auth.uid())::text);
create policy "owners delete their originals" on storage.objects
  for delete to authenticated
  using (bucket_id = 'batch-originals' and (storage.foldername(name))[1] = (select auth.uid())::text);
