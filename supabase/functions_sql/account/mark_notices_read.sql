-- mark_notices_read(p_ids) -> jsonb      called by: backend/rpc/notices.py as the user
-- Marks up to 200 notices of the user as read, and answers {unread}. One that was read keeps its time; ids of others do nothing and tell nothing.
-- Refuses: unauthenticated 401 · invalid_params 422
create or replace function private.mark_notices_read(p_ids bigint[])
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_user_id uuid := private.require_user();
begin
  if p_ids is null or cardinality(p_ids) not between 1 and 200 then
    raise exception using errcode = 'PT422', message = 'invalid_params', detail = '{"field": "ids"}', hint = 'Send 1 to 200 ids.';
  end if;
  perform from public.notices n where n.id = any(p_ids) and n.user_id = v_user_id and n.read_at is null order by n.id for no key update;
  update public.notices n set read_at = private.clock() where n.id = any(p_ids) and n.user_id = v_user_id and n.read_at is null;
  return jsonb_build_object('unread', (
    select count(*) from public.notices n where n.user_id = v_user_id and n.read_at is null));
end
$$;

create or replace function public.mark_notices_read(p_ids bigint[])
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.mark_notices_read(p_ids);
end
$$;

revoke all on function private.mark_notices_read(bigint[]), public.mark_notices_read(bigint[])
  from public, anon, authenticated, service_role;
grant execute on function private.mark_notices_read(bigint[]), public.mark_notices_read(bigint[]) to authenticated;
