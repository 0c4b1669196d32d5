-- transactions_page(p_user_id, p_before, p_limit) -> jsonb      called by: list_credit_transactions, admin_list_credit_transactions
-- {data: [transaction], has_more}: a user's ledger, newest first.
-- Refuses: invalid_params 422
create or replace function private.transactions_page(p_user_id uuid, p_before bigint, p_limit integer)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
  v_rows jsonb;
begin
  perform private.check_page_limit(p_limit);
  select coalesce(jsonb_agg(to_jsonb(x) order by x.id desc), '[]') into v_rows
  from (
    select t.id, t.kind, t.amount, t.balance_after, t.absorbed, t.contra, t.reservation_id, t.reverses_id, t.lots, t.actor,
           t.reason, private.rfc3339(t.created_at) as created_at
    from public.credit_transactions t
    where t.wallet_id = (select w.id from public.wallets w where w.user_id = p_user_id)
      and t.id < coalesce(p_before, 9223372036854775807)
    order by t.id desc
    limit p_limit + 1
  ) x;
  return private.page(v_rows, p_limit);
end
$$;

revoke all on function private.transactions_page(uuid, bigint, integer) from public, anon, authenticated, service_role;
