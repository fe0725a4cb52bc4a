import { type HttpClient } from '../http/http-client.js';
import { type SignedStatement } from '#libs/protocol/index';
import { list, optional, readAnswer, record } from './read.js';
import { readReview, readReviewInput, type Review, type ReviewInput } from './session-shapes.js';

/** What is said about a review. */
export interface Decision {
  readonly status: 'APPROVED' | 'REJECTED' | 'REVOKED';
  /** Why it is rejected or revoked. */
  readonly reason?: string;
  /** When it may run, times of day in UTC. */
  readonly window?: { readonly start: string; readonly end: string };
  /** The approval is to be enough by itself. */
  readonly force?: boolean;
  /** Of what was looked at. */
  readonly digest: string;
  /** What was signed of it. */
  readonly statement?: SignedStatement;
}

/** All that a reviewer signs, as it came, and what has been signed. */
export interface ReviewStatement {
  readonly raw: Record<string, unknown>;
  readonly signed: SignedStatement | null;
}

const reviews = '/api/reviews';

export class ReviewsApi {
  constructor(private readonly http: HttpClient) {}

  /** Newest first. */
  async list(status?: string, limit?: number, offset?: number): Promise<Review[]> {
    const query = { status, limit: limit?.toString(), offset: offset?.toString() };
    const answer = await this.http.json('GET', reviews, { query });
    return readAnswer(this.http.url, () => list(answer, readReview, 'answer'));
  }

  /** With everything that would run. @param id of the review, or of the session */
  async get(id: string): Promise<{ review: Review; input: ReviewInput }> {
    const answer = await this.http.json('GET', `${reviews}/${encodeURIComponent(id)}`);
    return readAnswer(this.http.url, () => {
      const review = readReview(answer, 'review');
      return { review, input: readReviewInput(review.raw, 'review') };
    });
  }

  /** All of what would run, in the words of statements. */
  async statement(id: string): Promise<ReviewStatement> {
    const answer = await this.http.json('GET', `${reviews}/${encodeURIComponent(id)}/statement`);
    return readAnswer(this.http.url, () => {
      const raw = record(answer, 'statement');
      const signed = optional(raw['statement'], record, 'statement.statement');
      return { raw, signed: signed ? (signed as unknown as SignedStatement) : null };
    });
  }

  /** @param id of the review */
  async decide(id: string, { status, reason, window, force, digest, statement }: Decision): Promise<Review> {
    const answer = await this.http.json('PUT', `${reviews}/${encodeURIComponent(id)}`, {
      body: {
        status,
        rejection_reason: reason,
        force_review: force,
        digest,
        statement,
        time_window: window && {
          type: 'time_range',
          configuration: { start_time: window.start, end_time: window.end },
        },
      },
    });
    return readAnswer(this.http.url, () => readReview(answer, 'review'));
  }
}
