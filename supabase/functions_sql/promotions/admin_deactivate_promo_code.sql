-- admin_deactivate_promo_code(p_code, p_dry_run) -> jsonb      called by: backend/rpc/admin.py as an admin
-- Switches a code off with a new version that is like its last one; off already: nothing is made. Purchases under way keep their bonus.
-- Refuses, first match wins: unauthenticated 401 · forbidden 403 · promo_code_not_found 404
drop function if exists public.admin_deactivate_promo_code(text);
drop function if exists private.admin_deactivate_promo_code(text);
create or replace function private.act_deactivate_promo_code(p_subject_id text, p_request jsonb)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v private.promo_code_versions := private.lock_promo_code(p_subject_id);
begin
  if v.code is null then
    raise exception using errcode = 'PT404', message = 'promo_code_not_found', detail = '{}', hint = 'There is no such code.';
  end if;
  return private.act_create_promo_code(v.code, to_jsonb(v) || '{"active": false}');
end
$$;

create or replace function private.admin_deactivate_promo_code(p_code text, p_dry_run boolean)
returns jsonb
language sql
security definer
set search_path = ''
as $$
  select private.run_act('admin', 'deactivate_promo_code', 'promo_code', upper(btrim(p_code)), '{}', p_dry_run);
$$;

create or replace function public.admin_deactivate_promo_code(p_code text, p_dry_run boolean default false)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  return private.admin_deactivate_promo_code(p_code, p_dry_run);
end
$$;

revoke all on function private.act_deactivate_promo_code(text, jsonb), private.admin_deactivate_promo_code(text, boolean),
  public.admin_deactivate_promo_code(text, boolean) from public, anon, authenticated, service_role;
grant execute on function private.admin_deactivate_promo_code(text, boolean), public.admin_deactivate_promo_code(text, boolean)
  to authenticated;
