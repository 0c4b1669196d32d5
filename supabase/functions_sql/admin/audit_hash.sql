-- audit_hash(a) -> bytea      called by: audit, verify_audit_log
-- sha256(prev_hash || canonical row), as in ledger_hash: what happened. `reason`, which a person typed, and `request_id` and `ip`, which the
-- request says of itself, stay outside, so that they could be erased.
create or replace function private.audit_hash(a private.audit_log)
returns bytea
language plpgsql
stable
set search_path = ''
as $$
begin
  return sha256(a.prev_hash || convert_to(jsonb_build_array(
    a.id, a.actor, a.role, a.act, a.subject_type, a.subject_id, a.request, a.before, a.after, a.outcome, a.refusal,
    private.rfc3339(a.created_at))::text, 'UTF8'));
end
$$;

revoke all on function private.audit_hash(private.audit_log) from public, anon, authenticated, service_role;
