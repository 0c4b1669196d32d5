-- The floor: the least SQL that could do the job, in one round trip each, as a careful person would write it in an afternoon.
-- A guarded update, a row for the hold, a row for the entry; keys that hold once, references, one index to read a wallet's entries.
-- No lots, no expiry, no digest of the request, no chain, no debt, no access rules. Nothing but the benchmark uses it.
create schema floor;

create table floor.wallets (
  id uuid primary key,
  balance bigint not null default 0,
  held bigint not null default 0 check (held between 0 and balance)
) with (fillfactor = 70);

create table floor.holds (
  id uuid primary key default gen_random_uuid(),
  wallet_id uuid not null references floor.wallets (id),
  amount bigint not null,
  status text not null default 'held',
  key text not null,
  created_at timestamptz not null default now(),
  unique (wallet_id, key)
) with (fillfactor = 70);

create table floor.entries (
  id bigint generated always as identity primary key,
  wallet_id uuid not null references floor.wallets (id),
  hold_id uuid references floor.holds (id),
  amount bigint not null,
  balance_after bigint not null,
  created_at timestamptz not null default now()
);
create index entries_by_wallet on floor.entries (wallet_id, id);

create table floor.generations (
  id uuid primary key default gen_random_uuid(),
  wallet_id uuid not null references floor.wallets (id),
  hold_id uuid not null references floor.holds (id),
  prompt text not null,
  params jsonb not null,
  status text not null default 'queued',
  outputs jsonb,
  created_at timestamptz not null default now()
) with (fillfactor = 70);
create index generations_by_wallet on floor.generations (wallet_id, created_at);

create function floor.reserve(p_wallet_id uuid, p_amount bigint, p_key text) returns uuid language plpgsql as $$
declare
  v_id uuid;
begin
  update floor.wallets set held = held + p_amount where id = p_wallet_id and balance - held >= p_amount;
  if not found then
    raise exception 'insufficient credits';
  end if;
  insert into floor.holds (wallet_id, amount, key) values (p_wallet_id, p_amount, p_key) returning id into v_id;
  return v_id;
end
$$;

create function floor.confirm(p_hold_id uuid) returns bigint language plpgsql as $$
declare
  v_wallet_id uuid;
  v_amount bigint;
  v_balance bigint;
begin
  update floor.holds set status = 'confirmed' where id = p_hold_id and status = 'held' returning wallet_id, amount into v_wallet_id, v_amount;
  if not found then
    raise exception 'no open hold';
  end if;
  update floor.wallets set held = held - v_amount, balance = balance - v_amount where id = v_wallet_id returning balance into v_balance;
  insert into floor.entries (wallet_id, hold_id, amount, balance_after) values (v_wallet_id, p_hold_id, -v_amount, v_balance);
  return v_balance;
end
$$;

create function floor.create_generation(p_wallet_id uuid, p_amount bigint, p_key text, p_prompt text, p_params jsonb)
returns uuid language plpgsql as $$
declare
  v_id uuid;
begin
  insert into floor.generations (wallet_id, hold_id, prompt, params)
  values (p_wallet_id, floor.reserve(p_wallet_id, p_amount, p_key), p_prompt, p_params)
  returning id into v_id;
  return v_id;
end
$$;

create function floor.claim(p_id uuid) returns text language plpgsql as $$
declare
  v_prompt text;
begin
  update floor.generations set status = 'running' where id = p_id and status = 'queued' returning prompt into v_prompt;
  return v_prompt;
end
$$;

create function floor.complete(p_id uuid, p_outputs jsonb) returns bigint language plpgsql as $$
declare
  v_hold_id uuid;
begin
  update floor.generations set status = 'succeeded', outputs = p_outputs where id = p_id and status = 'running' returning hold_id into v_hold_id;
  if not found then
    raise exception 'not running';
  end if;
  return floor.confirm(v_hold_id);
end
$$;

grant usage on schema floor to authenticated, service_role;
grant select, insert, update on all tables in schema floor to authenticated, service_role;
