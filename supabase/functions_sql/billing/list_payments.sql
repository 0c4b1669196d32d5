-- list_payments(p_before, p_limit) -> jsonb      called by: backend/rpc/billing.py as the user
-- {data: [payment], has_more}, newest first. The next page starts before the last id of this one. p_limit 1 to 200.
-- Refuses, first match wins: unauthenticated 401 · invalid_params 422 · payment_not_found 404 (p_before)
create or replace function private.list_payments(p_before uuid, p_limit integer)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_user_id uuid := private.require_user();
  v_from timestamptz := 'infinity';
  v_rows jsonb;
begin
  perform private.check_page_limit(p_limit);
  if p_before is not null then
    select x.created_at into v_from from public.payments x where x.id = p_before and x.user_id = v_user_id;
    if not found then
      perform private.refuse_unknown_payment(p_before);
    end if;
  end if;
  select coalesce(jsonb_agg(private.payment_json(x) order by x.created_at desc, x.id desc), '[]') into v_rows
  from (
    select * from public.payments p
    where p.user_id = v_user_id
      and (p.created_at, p.id) < (v_from, coalesce(p_before, 'ffffffff-ffff-ffff-ffff-ffffffffffff'))
    order by p.created_at desc, p.id desc
    limit p_limit + 1
  ) x;
  return private.page(v_rows, p_limit);
end
$$;

create or replace function public.list_payments(p_before uuid default null, p_limit integer default 20)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  return private.list_payments(p_before, p_limit);
end
$$;

revoke all on function private.list_payments(uuid, integer), public.list_payments(uuid, integer)
  from public, anon, authenticated, service_role;
grant execute on function private.list_payments(uuid, integer), public.list_payments(uuid, integer) to authenticated;
