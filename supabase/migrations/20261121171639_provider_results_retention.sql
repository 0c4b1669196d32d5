-- What providers told is forgotten by age (tidy_provider_results).
set lock_timeout = '4s';
set statement_timeout = '60s';

create index provider_results_by_age on private.provider_results (received_at);
