-- export_credit_transactions(p_after, p_limit) -> jsonb      called by: backend/rpc/receipts.py as the user
-- One page of a receipt, oldest first: {wallet_id, balance, ledger_head, data: [row with all that is hashed, prev_hash and hash],
-- checkpoints: [those of these rows], has_more}; bytes as hex. The next page starts after the last id of this one. p_limit 1 to 1000.
-- Guarantees: a page is of one moment; its cost is that of its rows, whatever came before.
-- Refuses: unauthenticated 401 · invalid_params 422
create or replace function private.export_credit_transactions(p_after bigint, p_limit integer)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_user_id uuid := private.require_user();
  v_after bigint := coalesce(p_after, 0);
  v_page jsonb;
  w public.wallets;
begin
  if p_limit is null or p_limit not between 1 and 1000 then
    raise exception using errcode = 'PT422', message = 'invalid_params', detail = '{"field": "limit"}',
      hint = 'limit is a whole number from 1 to 1000.';
  end if;
  select * into w from public.wallets x where x.user_id = v_user_id;
  select private.page(coalesce(jsonb_agg(to_jsonb(x) order by x.id), '[]'), p_limit) into v_page
  from (
    select t.id, t.wallet_id, t.kind, t.amount, t.balance_after, t.absorbed, t.contra, t.reservation_id, t.reverses_id, t.lots,
           t.actor, t.reason, private.rfc3339(t.created_at) as created_at,
           encode(t.prev_hash, 'hex') as prev_hash, encode(t.hash, 'hex') as hash
    from public.credit_transactions t
    where t.wallet_id = w.id and t.id > v_after
    order by t.id
    limit p_limit + 1
  ) x;
  return v_page || jsonb_build_object(
    'wallet_id', w.id, 'balance', coalesce(w.balance, 0), 'ledger_head', coalesce(encode(w.ledger_head, 'hex'), ''),
    'exported_at', private.rfc3339(private.clock()),
    'checkpoints', private.checkpoints_between(w.id, v_after,
      case when (v_page ->> 'has_more')::boolean then (v_page -> 'data' -> -1 ->> 'id')::bigint end));
end
$$;

create or replace function public.export_credit_transactions(p_after bigint default null, p_limit integer default 500)
returns jsonb
language sql
stable
set search_path = ''
as $$
  select private.export_credit_transactions(p_after, p_limit);
$$;

revoke all on function private.export_credit_transactions(bigint, integer), public.export_credit_transactions(bigint, integer)
  from public, anon, authenticated, service_role;
grant execute on function private.export_credit_transactions(bigint, integer), public.export_credit_transactions(bigint, integer)
  to authenticated;
