-- admin_deactivate_promo_code(p_code) -> jsonb      called by: backend/rpc/admin.py as an admin
-- Switches a code off with a new version that is like its last one; off already: nothing is made. Purchases under way keep their bonus.
-- Refuses, first match wins: unauthenticated 401 · forbidden 403 · promo_code_not_found 404
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

create or replace function private.admin_deactivate_promo_code(p_code text)
returns jsonb
language sql
security definer
set search_path = ''
as $$
  select private.run_act('admin', 'deactivate_promo_code', 'promo_code', upper(btrim(p_code)), '{}', null);
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

revoke all on function private.act_deactivate_promo_code(text, jsonb), private.admin_deactivate_promo_code(text), public.admin_deactivate_promo_code(text)
  from public, anon, authenticated, service_role;
grant execute on function private.admin_deactivate_promo_code(text), public.admin_deactivate_promo_code(text) to authenticated;
