-- list_notices(p_before, p_limit, p_unread) -> jsonb      called by: backend/rpc/notices.py as the user
-- {data: [{id, kind, data, created_at, read_at}], has_more, unread}, newest first; p_unread: only those not read. unread counts all of them.
-- The next page starts before the last id of this one. p_limit 1 to 200.
-- Refuses: unauthenticated 401 · invalid_params 422
create or replace function private.list_notices(p_before bigint, p_limit integer, p_unread boolean)
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
    select n.id, n.kind, n.data, private.rfc3339(n.created_at) as created_at, private.rfc3339(n.read_at) as read_at
    from public.notices n
    where n.user_id = v_user_id and n.id < coalesce(p_before, 9223372036854775807) and (n.read_at is null or p_unread is not true)
    order by n.id desc
    limit p_limit + 1
  ) x;
  return private.page(v_rows, p_limit) || jsonb_build_object('unread', (
    select count(*) from public.notices n where n.user_id = v_user_id and n.read_at is null));
end
$$;

create or replace function public.list_notices(p_before bigint default null, p_limit integer default 50, p_unread boolean default false)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  return private.list_notices(p_before, p_limit, p_unread);
end
$$;

revoke all on function private.list_notices(bigint, integer, boolean), public.list_notices(bigint, integer, boolean)
  from public, anon, authenticated, service_role;
grant execute on function private.list_notices(bigint, integer, boolean), public.list_notices(bigint, integer, boolean) to authenticated;
