-- Signed checkpoints of the ledger, and the public halves of the keys that signed them.
set lock_timeout = '4s';
set statement_timeout = '60s';

create table public.ledger_keys (
  key_id text primary key,
  public_key bytea not null check (octet_length(public_key) = 32),
  created_at timestamptz not null,
  constraint ledger_keys_id_is_of_its_key check (key_id = left(encode(sha256(public_key), 'hex'), 16))
);
comment on table public.ledger_keys is 'Ed25519 public keys that have signed checkpoints. Old ones stay, so that old receipts can be checked.';

-- No foreign keys: a testimony must outlast what it testifies about.
create table private.ledger_checkpoints (
  wallet_id uuid not null,
  day date not null,
  transaction_id bigint not null,
  ledger_head bytea not null check (octet_length(ledger_head) = 32),
  balance bigint not null,
  key_id text not null,
  signature bytea not null check (octet_length(signature) = 64),
  created_at timestamptz not null,
  primary key (wallet_id, day)
);
comment on table private.ledger_checkpoints is 'What the head of a wallet''s chain was, signed by the scheduler, at most once a day (UTC) and only when it had moved.';

alter table public.ledger_keys enable row level security;
alter table private.ledger_checkpoints enable row level security;

revoke all on public.ledger_keys, private.ledger_checkpoints from public, anon, authenticated, service_role;
grant select on public.ledger_keys to anon, authenticated, service_role;

create policy "everyone reads the keys of checkpoints" on public.ledger_keys
  for select to anon, authenticated using (true);
