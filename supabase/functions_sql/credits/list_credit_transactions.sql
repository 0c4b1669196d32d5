-- list_credit_transactions(p_before, p_limit) -> jsonb      called by: backend/rpc/credits.py as the user
-- {data: [transaction], has_more}, newest first. The next page starts before the last id of this one. p_limit 1 to 200.
-- Refuses: unauthenticated 401 · invalid_params 422
create or replace function private.list_credit_transactions(p_before bigint, p_limit integer)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_user_id uuid := private.require_user();
  v_rows jsonb;
begin
  perform private.check_page_limit(p_limit);
  select coalesce(jsonb_agg(to_jsonb(x) order by x.id desc), '[]') into v_rows
  from (
    select t.id, t.kind, t.amount, t.balance_after, t.absorbed, t.contra, t.reservation_id, t.reverses_id, t.lots, t.actor,
           t.reason, private.rfc3339(t.created_at) as created_at
    from public.credit_transactions t
    where t.wallet_id = (select w.id from public.wallets w where w.user_id = v_user_id)
      and t.id < coalesce(p_before, 9223372036854775807)
    order by t.id desc
    limit p_limit + 1
  ) x;
  return private.page(v_rows, p_limit);
end
$$;

create or replace function public.list_credit_transactions(p_before bigint default null, p_limit integer default 50)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  return private.list_credit_transactions(p_before, p_limit);
end
$$;

revoke all on function private.list_credit_transactions(bigint, integer), public.list_credit_transactions(bigint, integer)
  from public, anon, authenticated, service_role;
grant execute on function private.list_credit_transactions(bigint, integer), public.list_credit_transactions(bigint, integer)
  to authenticated;
