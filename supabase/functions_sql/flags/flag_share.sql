-- flag_share(f) -> integer      called by: flag_reason, flag_json, acts on flags
-- For how many percent of the users a flag is on now: its percentage, or the highest step of its plan whose time has come. By arithmetic, so
-- that a step needs nobody to take it.
create or replace function private.flag_share(f public.feature_flags)
returns integer
language plpgsql
stable
set search_path = ''
as $$
begin
  return greatest(f.percentage, (
    select max(s.percentage) from unnest(f.plan_percentages, f.plan_times) s (percentage, at) where s.at <= private.clock()));
end
$$;

revoke all on function private.flag_share(public.feature_flags) from public, anon, authenticated, service_role;
