-- note_ledger_problems(p_source, p_found, p_wallet_ids) -> bigint      called by: reconcile_wallets, reconcile_holds, reconcile_books
-- Keeps what a look at the books has found, [{wallet_id, transaction_id, problem, detail}], and returns how many problems are new.
-- A problem that is open already stays as it is; one that this source would have found again (of these wallets; null: of all) and
-- did not, is resolved.
create or replace function private.note_ledger_problems(p_source text, p_found jsonb, p_wallet_ids uuid[] default null)
returns bigint
language plpgsql
set search_path = ''
as $$
declare
  v_now timestamptz := private.clock();
  v_new bigint;
begin
  with found as materialized (
    select f.*, concat_ws('/', p_source, f.wallet_id, f.transaction_id, f.problem, f.detail ->> 'reservation_id') as once_key
    from jsonb_to_recordset(p_found) as f (wallet_id uuid, transaction_id bigint, problem text, detail jsonb)
  ), resolved as (
    update private.ledger_problems p set resolved_at = v_now
    where p.resolved_at is null and p.source = p_source and (p_wallet_ids is null or p.wallet_id = any(p_wallet_ids))
      and not exists (select from found f where f.once_key = p.once_key)
  )
  insert into private.ledger_problems (source, wallet_id, transaction_id, problem, detail, once_key, found_at)
  select p_source, f.wallet_id, f.transaction_id, f.problem, f.detail, f.once_key, v_now
  from found f order by f.once_key
  on conflict (once_key) where resolved_at is null do nothing;
  get diagnostics v_new = row_count;
  return v_new;
end
$$;

revoke all on function private.note_ledger_problems(text, jsonb, uuid[]) from public, anon, authenticated, service_role;
