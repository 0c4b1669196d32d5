-- auto_topup_json(a) -> jsonb      called by: get_auto_topup, set_auto_topup
-- The settings as their owner sees them.
create or replace function private.auto_topup_json(a public.auto_topups)
returns jsonb
language sql
stable
set search_path = ''
as $$
  select jsonb_build_object('enabled', a.enabled, 'threshold', a.threshold, 'package_id', a.package_id,
    'monthly_cap_cents', a.monthly_cap_cents, 'stopped_reason', a.stopped_reason, 'updated_at', private.rfc3339(a.updated_at));
$$;

revoke all on function private.auto_topup_json(public.auto_topups) from public, anon, authenticated, service_role;
