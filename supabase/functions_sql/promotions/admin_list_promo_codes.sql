-- admin_list_promo_codes(p_after, p_limit) -> jsonb      called by: backend/rpc/admin.py as support and above
-- {data: [the version of each code that counts now], has_more}, by name. The next page starts after the last code of this one.
-- Refuses: unauthenticated 401 · forbidden 403 · invalid_params 422
create or replace function private.admin_list_promo_codes(p_after text, p_limit integer)
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
  select coalesce(jsonb_agg(private.promo_code_json(x.v) order by x.code), '[]') into v_rows
  from (
    select c.code, v from private.promo_codes c join private.promo_code_versions v on v.code = c.code and v.version = c.version
    where c.code > coalesce(upper(p_after), '') order by c.code limit p_limit + 1) x;
  return private.page(v_rows, p_limit);
end
$$;

create or replace function public.admin_list_promo_codes(p_after text default null, p_limit integer default 50)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  return private.admin_list_promo_codes(p_after, p_limit);
end
$$;

revoke all on function private.admin_list_promo_codes(text, integer), public.admin_list_promo_codes(text, integer)
  from public, anon, authenticated, service_role;
grant execute on function private.admin_list_promo_codes(text, integer), public.admin_list_promo_codes(text, integer) to authenticated;
