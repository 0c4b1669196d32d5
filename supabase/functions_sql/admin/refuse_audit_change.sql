-- refuse_audit_change() -> trigger      called by: audit_log, before update, delete and truncate
-- The audit log only grows, for every role, the owner included.
-- Refuses: forbidden 403
create or replace function private.refuse_audit_change()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
  raise exception using errcode = 'PT403', message = 'forbidden', hint = 'The audit log is append-only.';
end
$$;

revoke all on function private.refuse_audit_change() from public, anon, authenticated, service_role;

create or replace trigger audit_log_is_append_only
  before update or delete or truncate on private.audit_log
  for each statement execute function private.refuse_audit_change();
