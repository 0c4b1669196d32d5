-- promo_code_json(v) -> jsonb      called by: admin_create_promo_code, admin_list_promo_codes
-- A version of a code as admins see it, with the uses of all its versions.
create or replace function private.promo_code_json(v private.promo_code_versions)
returns jsonb
language sql
stable
set search_path = ''
as $$
  select jsonb_build_object('code', v.code, 'version', v.version, 'credits', v.credits, 'bonus_percent', v.bonus_percent,
    'credits_last_days', v.credits_last_days, 'valid_from', private.rfc3339(v.valid_from), 'valid_until', private.rfc3339(v.valid_until),
    'max_uses', v.max_uses, 'max_uses_per_user', v.max_uses_per_user, 'active', v.active, 'uses', private.promo_uses(v.code, null),
    'created_at', private.rfc3339(v.created_at));
$$;

revoke all on function private.promo_code_json(private.promo_code_versions) from public, anon, authenticated, service_role;
