-- refuse_unknown_plan(p_plan_id) -> void, never returns      called by: operations that name a plan
-- Refuses: plan_not_found 404
create or replace function private.refuse_unknown_plan(p_plan_id text)
returns void
language plpgsql
immutable
set search_path = ''
as $$
begin
  raise exception using errcode = 'PT404', message = 'plan_not_found', detail = jsonb_build_object('plan_id', p_plan_id)::text,
    hint = 'There is no such plan, or it is not sold any more.';
end
$$;

revoke all on function private.refuse_unknown_plan(text) from public, anon, authenticated, service_role;
