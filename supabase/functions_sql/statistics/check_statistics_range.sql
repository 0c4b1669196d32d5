-- check_statistics_range(p_from, p_to, p_days) -> void      called by: admin_get_statistics, admin_get_top, admin_get_cohorts, recount_generations
-- Refuses: invalid_params 422
create or replace function private.check_statistics_range(p_from date, p_to date, p_days integer)
returns void
language plpgsql
immutable
set search_path = ''
as $$
declare
  v_field text := case
    when (p_to between date '2000-01-01' and date '9999-12-31') is not true then 'to'
    when (p_from between date '2000-01-01' and p_to) is not true then 'from'
    when p_to - p_from >= p_days then 'from'
  end;
begin
  if v_field is not null then
    raise exception using errcode = 'PT422', message = 'invalid_params', detail = jsonb_build_object('field', v_field)::text,
      hint = format('from is a day up to and including to, and it is at most %s days at once.', p_days);
  end if;
end
$$;

revoke all on function private.check_statistics_range(date, date, integer) from public, anon, authenticated, service_role;
