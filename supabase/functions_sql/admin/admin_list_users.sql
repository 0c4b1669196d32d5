-- admin_list_users(p_query, p_role, p_suspended, p_before, p_limit) -> jsonb      called by: backend/rpc/acts.py as an admin
-- {data: [user_row_json], has_more}, newest first. p_query: a part of the e-mail address or the name, or the whole id; null: everybody.
-- p_role, p_suspended: only those; null does not narrow. p_before: the last id of the page before. For support and above. p_limit 1 to 200.
-- Refuses, first match wins: unauthenticated 401 · forbidden 403 · invalid_params 422
create or replace function private.admin_list_users(p_query text, p_role text, p_suspended boolean, p_before uuid, p_limit integer)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_pattern text := '%' || regexp_replace(btrim(p_query), '([%_\\])', '\\\1', 'g') || '%';
  v_rows jsonb;
begin
  perform private.require_role('support');
  perform private.check_page_limit(p_limit);
  select coalesce(jsonb_agg(private.user_row_json(x.user_id) order by x.created_at desc, x.user_id desc), '[]') into v_rows
  from (
    select p.user_id, p.created_at from public.profiles p join auth.users u on u.id = p.user_id
    where (p_query is null or u.id::text = lower(btrim(p_query)) or u.email ilike v_pattern or p.display_name ilike v_pattern)
      and (p_role is null or exists (select from private.user_roles r where r.user_id = p.user_id and r.role = p_role))
      and (p_suspended is null or p_suspended = coalesce(u.banned_until > private.clock(), false))
      and (p_before is null or (p.created_at, p.user_id) < (select b.created_at, b.user_id from public.profiles b where b.user_id = p_before))
    order by p.created_at desc, p.user_id desc limit p_limit + 1) x;
  return private.page(v_rows, p_limit);
end
$$;

create or replace function public.admin_list_users(
  p_query text default null, p_role text default null, p_suspended boolean default null, p_before uuid default null,
  p_limit integer default 50)
returns jsonb
language sql
stable
set search_path = ''
as $$
  select private.admin_list_users(p_query, p_role, p_suspended, p_before, p_limit);
$$;

revoke all on function private.admin_list_users(text, text, boolean, uuid, integer),
  public.admin_list_users(text, text, boolean, uuid, integer) from public, anon, authenticated, service_role;
grant execute on function private.admin_list_users(text, text, boolean, uuid, integer),
  public.admin_list_users(text, text, boolean, uuid, integer) to authenticated;
