-- queue_entry(p_id, p_attempt, p_batch_id) -> jsonb      called by: promote_waiting, list_dispatchable, receive_provider_result
-- {id, attempt, queue}: what to tell the workers. Items of batches go to the queue that workers serve last.
create or replace function private.queue_entry(p_id uuid, p_attempt integer, p_batch_id uuid)
returns jsonb
language plpgsql
immutable
set search_path = ''
as $$
begin
  return jsonb_build_object('id', p_id, 'attempt', p_attempt, 'queue', case when p_batch_id is null then 'default' else 'low' end);
end
$$;

revoke all on function private.queue_entry(uuid, integer, uuid) from public, anon, authenticated, service_role;
