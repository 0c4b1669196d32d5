-- admin_deactivate_promo_code(p_code) -> jsonb      called by: backend/rpc/admin.py as an admin
-- Switches a code off with a new version that is like its last one; off already: nothing is made. Purchases under way keep their bonus.
-- Refuses, first match wins: unauthenticated 401 · forbidden 403 · promo_code_not_found 404
create or replace function private.admin_deactivate_promo_code(p_code text)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v private.promo_code_versions;
begin
  perform private.require_role('admin');
  v := private.lock_promo_code(upper(btrim(p_code)));
  if v.code is null then
    raise exception using errcode = 'PT404', message = 'promo_code_not_found', detail = '{}', hint = 'There is no such code.';
  end if;
  return private.admin_create_promo_code(v.code, v.credits, v.credits_last_days, v.valid_from, v.valid_until, v.max_uses,
    v.max_uses_per_user, false, v.bonus_percent);
end
$$;

create or replace function public.admin_deactivate_promo_code(p_code text)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.admin_deactivate_promo_code(p_code);
end
$$;

revoke all on function private.admin_deactivate_promo_code(text), public.admin_deactivate_promo_code(text)
  from public, anon, authenticated, service_role;
grant execute on function private.admin_deactivate_promo_code(text), public.admin_deactivate_promo_code(text) to authenticated;
