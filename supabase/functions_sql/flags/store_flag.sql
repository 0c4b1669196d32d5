-- store_flag(f) -> jsonb      called by: acts on flags
-- Stores what an act made of a locked flag, as its next version, and returns what run_act needs; what is so already is not written again.
create or replace function private.store_flag(f public.feature_flags)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_before public.feature_flags;
begin
  select * into strict v_before from public.feature_flags x where x.key = f.key;
  if f is distinct from v_before then
    f.version := v_before.version + 1;
    f.updated_by := auth.uid();
    f.updated_at := private.clock();
    update public.feature_flags x
    set enabled = f.enabled, percentage = f.percentage, roles = f.roles, users = f.users, plan_percentages = f.plan_percentages,
        plan_times = f.plan_times, version = f.version, updated_by = f.updated_by, updated_at = f.updated_at
    where x.key = f.key;
  end if;
  return jsonb_build_object('answer', private.flag_json(f), 'before', private.flag_json(v_before), 'after', private.flag_json(f),
    'repeated', f.version = v_before.version);
end
$$;

revoke all on function private.store_flag(public.feature_flags) from public, anon, authenticated, service_role;
