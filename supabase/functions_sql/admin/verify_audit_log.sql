-- verify_audit_log() -> rows of problems, none when sound      called by: operators, as service_role
-- Recomputes the whole chain: rows that were changed, dropped, added or reordered, a tail that was cut off, and a history that is another than
-- the scheduler has verified. It reads all rows; reconcile_audit_log goes on from where it was.
create or replace function public.verify_audit_log()
returns table (id bigint, problem text, detail jsonb)
language sql
stable
security definer
set search_path = ''
as $$
  select p.* from private.audit_head h, private.audit_problems(0, h.rows) p
  union all
  select p.* from private.audit_head_problems() p;
$$;

revoke all on function public.verify_audit_log() from public, anon, authenticated, service_role;
grant execute on function public.verify_audit_log() to service_role;
