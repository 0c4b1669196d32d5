-- refuse_ledger_change() -> trigger      called by: credit_transactions, ledger_checkpoints and ledger_keys, before update, delete and truncate
-- The ledger only grows, for every role, the owner included. A correction is a new row.
-- Refuses: forbidden 403
create or replace function private.refuse_ledger_change()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
  raise exception using errcode = 'PT403', message = 'forbidden',
    hint = 'The ledger is append-only. Post a correcting transaction instead.';
end
$$;

revoke all on function private.refuse_ledger_change() from public, anon, authenticated, service_role;

create or replace trigger ledger_is_append_only
  before update or delete or truncate on public.credit_transactions
  for each statement execute function private.refuse_ledger_change();

create or replace trigger checkpoints_are_append_only
  before update or delete or truncate on private.ledger_checkpoints
  for each statement execute function private.refuse_ledger_change();

create or replace trigger ledger_keys_are_append_only
  before update or delete or truncate on public.ledger_keys
  for each statement execute function private.refuse_ledger_change();
