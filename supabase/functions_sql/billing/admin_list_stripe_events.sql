-- admin_list_stripe_events(p_state, p_limit) -> jsonb      called by: backend/rpc/admin.py as an admin
-- {data: [event], has_more}: events that wait (received) or need somebody (parked), oldest first. For support and above. p_limit 1 to 200.
-- Refuses, first match wins: unauthenticated 401 · forbidden 403 · invalid_params 422
create or replace function private.admin_list_stripe_events(p_state text, p_limit integer)
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
  if p_state is null or p_state not in ('received', 'parked') then
    raise exception using errcode = 'PT422', message = 'invalid_params', detail = '{"field": "state"}',
      hint = 'state is received or parked.';
  end if;
  select coalesce(jsonb_agg(private.stripe_event_json(x) order by x.received_at, x.id), '[]') into v_rows
  from (
    (select * from private.stripe_events e where p_state = 'parked' and e.state = 'parked' order by e.received_at, e.id limit p_limit + 1)
    union all
    (select * from private.stripe_events e where p_state = 'received' and e.state = 'received' order by e.next_attempt_at limit p_limit + 1)
  ) x;
  return private.page(v_rows, p_limit);
end
$$;

create or replace function public.admin_list_stripe_events(p_state text default 'parked', p_limit integer default 50)
returns jsonb
language sql
stable
set search_path = ''
as $$
  select private.admin_list_stripe_events(p_state, p_limit);
$$;

revoke all on function private.admin_list_stripe_events(text, integer), public.admin_list_stripe_events(text, integer)
  from public, anon, authenticated, service_role;
grant execute on function private.admin_list_stripe_events(text, integer), public.admin_list_stripe_events(text, integer)
  to authenticated;
