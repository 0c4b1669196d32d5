-- What Supabase's advisors ask for: an index for each foreign key, and a policy on each table of an exposed schema.
set lock_timeout = '4s';
set statement_timeout = '60s';

create index system_prompts_by_version on private.system_prompts (key, active_version);

-- Functions alone read flags; the service role, which passes by policies, may look.
create policy feature_flags_for_service on public.feature_flags for select to service_role using (true);
