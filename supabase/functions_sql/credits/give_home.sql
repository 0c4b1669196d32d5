-- give_home(p_wallet_id, p_lots) -> jsonb      called by: refund_transaction
-- Credits that were taken on debt came from no lot. When the debt has been paid meanwhile, a refund of them needs a lot: this makes it,
-- empty, for restore_lots to fill.
create or replace function private.give_home(p_wallet_id uuid, p_lots jsonb)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_homeless bigint := (
    select sum((e ->> 'amount')::bigint) from jsonb_array_elements(p_lots) e where e ->> 'grant_id' is null);
  v_grant_id uuid;
begin
  if v_homeless is null then
    return p_lots;
  end if;
  insert into public.credit_grants (wallet_id, source, amount, remaining, created_at)
  values (p_wallet_id, 'refund', v_homeless, 0, private.clock())
  returning id into v_grant_id;
  return (
    select jsonb_agg(case when e ->> 'grant_id' is null then e || jsonb_build_object('grant_id', v_grant_id) else e end)
    from jsonb_array_elements(p_lots) e);
end
$$;

revoke all on function private.give_home(uuid, jsonb) from public, anon, authenticated, service_role;
