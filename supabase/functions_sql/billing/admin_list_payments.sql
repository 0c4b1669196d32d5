-- admin_list_payments(p_status, p_user_id, p_before, p_limit) -> jsonb      called by: backend/rpc/admin.py as an admin
-- {data: [payment], has_more}, newest first; each with user_id, flag_reason and Stripe's ids. p_status: as the row has it, so that flagged ones can
-- be found; null: all. p_before: the last id of the page before. For support and above. p_limit 1 to 200.
-- Refuses, first match wins: unauthenticated 401 · forbidden 403 · invalid_params 422
create or replace function private.admin_list_payments(p_status text, p_user_id uuid, p_before uuid, p_limit integer)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_rows jsonb;
begin
  perform private.require_role('support');
  perform private.check_page_limit(p_limit);
  select coalesce(jsonb_agg(private.payment_json(p) || jsonb_build_object(
    'user_id', p.user_id, 'flag_reason', p.flag_reason, 'checkout_session_id', p.checkout_session_id, 'payment_intent_id', p.payment_intent_id)
    order by p.created_at desc, p.id desc), '[]') into v_rows
  from (
    select x.* from public.payments x
    where (p_status is null or x.status = p_status)
      and (p_user_id is null or x.user_id = p_user_id)
      and (p_before is null or (x.created_at, x.id) < (select b.created_at, b.id from public.payments b where b.id = p_before))
    order by x.created_at desc, x.id desc limit p_limit + 1) p;
  return private.page(v_rows, p_limit);
end
$$;

create or replace function public.admin_list_payments(
  p_status text default null, p_user_id uuid default null, p_before uuid default null, p_limit integer default 50)
returns jsonb
language sql
stable
set search_path = ''
as $$
  select private.admin_list_payments(p_status, p_user_id, p_before, p_limit);
$$;

revoke all on function private.admin_list_payments(text, uuid, uuid, integer), public.admin_list_payments(text, uuid, uuid, integer)
  from public, anon, authenticated, service_role;
grant execute on function private.admin_list_payments(text, uuid, uuid, integer), public.admin_list_payments(text, uuid, uuid, integer)
  to authenticated;
